#!/usr/bin/env bash
# Known vulnerabilities of the locked dependencies: audit.sh PIP_AUDIT
# One that is found fails; what can't be asked (closed network, a mirror without the service) is told and passed over.
set -uo pipefail

report=$("$1" --require-hashes --disable-pip --progress-spinner off --timeout 30 -r requirements.txt 2>&1)
code=$?
unasked=$(grep -c 'could not be audited' <<<"$report")
grep -vE 'could not be audited|^Name +Skip Reason|^-+ -+$' <<<"$report"
if grep -qE 'Found [0-9]+ known vulnerabilit' <<<"$report"; then exit 1; fi
if [ $code != 0 ] || [ "$unasked" != 0 ]; then
    echo "! 漏洞库无法访问,${unasked} 个依赖未审计 · the vulnerability service could not be asked for ${unasked} dependencies" >&2
fi
exit 0
