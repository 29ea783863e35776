#!/usr/bin/env bash
# Makes the virtual environment with the locked dependencies: setup.sh PYTHON FOLDER
set -euo pipefail
python=$1 venv=$2

fail() { printf '✗ %s\n' "$@" >&2; exit 1; }

[ -n "$python" ] || fail \
    "需要 Python 3.11 或更新:请先安装,或用 make PYTHON=/路径/python3.12 指定" \
    "Python 3.11 or newer is needed: install it, or name one by make PYTHON=/path/to/python3.12"
if [ ! -x "$venv/bin/pip" ]; then
    "$python" -m venv "$venv" || fail \
        "没有建成虚拟环境:Debian/Ubuntu 上请先 apt install python3-venv" \
        "The virtual environment was not made: on Debian or Ubuntu, apt install python3-venv first"
fi
echo "安装锁定的依赖 · installing the locked dependencies"
"$venv/bin/pip" install --require-hashes --no-deps --disable-pip-version-check -r requirements.txt \
    > >(grep --line-buffered -vE '^(Requirement already|Collecting|  Using cached|  Downloading .*metadata|Installing|Successfully|  +(Attempting|Found|Uninstalling|Successfully))') || fail \
    "依赖没有装好:请检查网络与磁盘后重试;若上面写着 hash 不符,请不要使用该网络" \
    "The dependencies were not installed: check network and disk and try again; if a hash differs above, don't trust this network"
