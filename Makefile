# 云睛 Yunjing. `make help` lists the commands. Nothing is needed but Python >= 3.11, make and a network.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready
LOCK = $(VENV)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q --overrides requirements-overrides.txt

.PHONY: help run demo import rebuild verify letters audit rotate-keys backup restore sbom test check quality chaos bench report city privacy trace new-rule rules flows docs lock browser clean

help: ## 列出命令 list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## 起一整套,Ctrl-C 停止 bring everything up, Ctrl-C stops it
	@$(RUN) -m deploy.local.run

demo: $(READY) ## 在运行的系统上演一段故事 play a story over the running system
	@$(RUN) -m deploy.local.within deploy.demo.story

import: $(READY) ## 导入台账 import records: make import FILE=表.xlsx VILLAGE=330421107201 [OPTIONS=--dry-run]
	@$(RUN) -m deploy.local.within services.approval.imports "$(FILE)" --village "$(VILLAGE)" $(OPTIONS)

rebuild: $(READY) ## 由事件日志重建读模型,旧的照常服务 rebuild read models from the log while the old ones serve [MODEL=supervision]
	@$(RUN) -m deploy.local.within services.disclosure.rebuild $(MODEL)

verify: $(READY) ## 离线核验公开的文件 check a disclosed paper offline: make verify FILE=合同.pdf PROOF=proof-7.json KEY=公钥
	@$(RUN) services/disclosure/proof/verify_paper.py "$(FILE)" "$(PROOF)" $(if $(KEY),--key "$(KEY)")

letters: $(READY) ## 死信:列出、查看、重放 dead letters: make letters ARGS="list power.events"
	@$(RUN) -m deploy.local.within shared.bus.dlq $(ARGS)

audit: $(READY) ## 核对审计链 check the audit logs against themselves and their published heads
	@$(RUN) -m deploy.local.within shared.audit.check

rotate-keys: $(READY) ## 用现行密钥重新加密,服务照常 seal anew what older keys sealed, while all runs (docs/decisions/0013)
	@$(RUN) -m deploy.local.within shared.rotation

backup: $(READY) ## 备份运行中的数据库与文件 back up the running database and the files (docs/backup.md)
	@$(RUN) -m deploy.local.within deploy.local.backup backup

restore: $(READY) ## 停机后恢复到某一时刻 restore, while stopped: make restore [AT=2026-11-25T09:00:00+08:00]
	@$(RUN) -m deploy.local.backup restore $(if $(AT),--at $(AT))

sbom: $(READY) ## 依赖清单与许可 all dependencies with their licences, CycloneDX -> build/sbom.json
	@$(RUN) -m deploy.licences

test: $(READY) browser ## 全部测试 all tests
	$(RUN) -m pytest

check: $(READY) ## 代码、类型、导入、依赖检查 linters, types, import contracts, dependencies
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/deptry .
	@deploy/local/audit.sh $(VENV)/bin/pip-audit

quality: $(READY) ## 规则的查全率与查准率 recall and precision of the rules -> build/quality.json: make quality [SIZE=city]
	@$(RUN) -m tests.quality $(if $(SIZE),--size $(SIZE)) $(ARGS)

chaos: $(READY) ## 变故中照常 all kinds of faults -> build/chaos.json (docs/chaos.md): make chaos [KILLS=1000] [ARGS="--only freeze"] [BROKEN=outbox-off]
	@$(RUN) -m tests.chaos $(if $(KILLS),--kills $(KILLS)) $(if $(BROKEN),--broken $(BROKEN)) $(ARGS)

bench: $(READY) ## 速度 speed -> build/bench.json: make bench [ARGS="--only engine"]
	@$(RUN) -m tests.bench $(ARGS)

report: $(READY) ## 全部数字成一页 all figures on one page: build/*.json -> docs/figures.md: make report [ARGS=--redraw]
	@$(RUN) -m tests.bench.report $(ARGS)

city: $(READY) ## 一座城市的一天 a city's day through the public APIs -> build/bench.json: make city [RECORDS=622600] [ARGS="--streams 300"]
	@$(RUN) -m tests.bench.city $(if $(RECORDS),--records $(RECORDS)) $(ARGS)

trace: $(READY) ## 一次审批到预警弹出的全程踪迹 one approval's trace to the push shown, over all services
	@$(RUN) -m tests.bench.trace

privacy: $(READY) ## 一座城市的每个公开字节里有没有不该公开的 what must not be public in all public bytes of a city -> build/privacy.json: make privacy [RECORDS=60000] [ARGS="--broken"]
	@$(RUN) -m tests.privacy $(if $(RECORDS),--records $(RECORDS)) $(ARGS)

new-rule: $(READY) ## 新建一条规则及其测试 scaffold a rule with its tests: make new-rule [ID=A200 KEY=english_name]
	@$(RUN) -m services.detector.new_rule $(ID) $(KEY)

rules: $(READY) ## 检查规则、跑用例 check and test rules: make rules [ARGS="test FILE" | "explain 案号" | "backtest FILE"]
	@$(RUN) -m $(if $(filter explain backtest,$(firstword $(ARGS))),deploy.local.within )services.detector.author \
		$(or $(ARGS),test)

flows: $(READY) ## 检查流程目录,说出第一处错误 check the catalogue of flows: make flows [ARGS="FOLDER WORDS"]
	@$(RUN) -m services.approval.check_flows $(ARGS)

docs: $(READY) ## 由数据生成文档 draw the docs from the data
	@$(RUN) -m deploy.docs

lock: $(READY) ## 重新锁定依赖 lock the dependencies anew
	$(LOCK) requirements.in requirements-local.in requirements-dev.in -o requirements.txt
	$(LOCK) requirements.in --constraints requirements.txt -o deploy/image/requirements.txt

browser: ## 为浏览器测试安装 Chromium install Chromium for the browser journeys
	@deploy/local/browser.sh

clean: ## 清空本机数据,虚拟环境保留 remove all local data, keep the virtual environment
	rm -rf .local build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.txt
	@deploy/local/setup.sh "$(PYTHON)" $(VENV)
	@touch $@
