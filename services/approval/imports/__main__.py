"""`python -m services.approval.imports`."""

import sys

from services.approval.imports.command import main

sys.exit(main())
