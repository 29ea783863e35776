#!/usr/bin/env bash
# Installs Chromium and a Chinese font from Debian where we may; says loudly what is skipped where we may not.
# With REQUIRE_BROWSER set, not having it is a failure.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

if have chromium || have chromium-browser || have google-chrome; then exit 0; fi
if have apt-get; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
        echo "安装 Chromium · installing Chromium"
        "${as_root[@]}" apt-get update -qq &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null && exit 0
    fi
fi
cat >&2 <<'SKIP'
##############################################################################
没有 Chromium:浏览器测试将跳过。请以管理员执行 apt install chromium fonts-noto-cjk
No Chromium: the browser journeys WILL BE SKIPPED. As root: apt install chromium fonts-noto-cjk
##############################################################################
SKIP
[ -z "${REQUIRE_BROWSER:-}" ]
