"""Messages to systems that asked for them (standardwebhooks.com): signed, to checked addresses, tried again in time."""
