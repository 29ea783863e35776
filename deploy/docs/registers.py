"""Draws the sheets of the registers as a page: how to upload one, and what each column means."""

from collections.abc import Iterator, Mapping

from services.detector.register_forms import Register
from services.detector.register_sheets import HELP, help_of

_HEAD = """\
# 登记数据表 · Sheets of the registers

由 `services/detector/columns.yaml` 经 `make docs` 生成,请勿手改。 Drawn by `make docs`; do not edit.

```
curl -H "Authorization: Bearer $TOKEN" -o staff.xlsx $DETECTOR/v1/reference/staff/template.xlsx
curl -H "Authorization: Bearer $TOKEN" -F file=@staff.xlsx "$DETECTOR/v1/reference/staff?dry_run=true"
curl -H "Authorization: Bearer $TOKEN" -F file=@staff.xlsx "$DETECTOR/v1/reference/staff"
```

- **文件**:CSV(UTF-8、GBK/GB18030;逗号、制表符或分号)或 XLSX(第一张表,或 `sheet=表名`),至多 64 MiB、20 万行。
  表头上方可有标题行,表头可为合并单元格;列名用下列中文名或英文字段名,不认识的列(序号、备注除外)会指出。
- **逐行检查**:有错行时整份不收,逐处指明工作表、行号、列、原值(证件号、账号、电话已遮盖)和改法;
  `dry_run=true` 只检查,`accept_good_rows=true` 只收好行。
- **增量**:每行按编号整条登记,同编号的旧记录由新记录代替,空格即无此项;到期的填失效日期,登错的在“删除”列填“是”。
  同一份文件再传不产生任何变化。
- **更正**:改正后的记录使预警不再成立时,预警自动撤回并写明理由。
- **留痕**:谁、何时、哪份文件(SHA-256)、收了几行、退了几行,见 `/v1/reference-uploads`。
- **导出**:`/v1/reference/{dataset}/records.csv`,列与模板相同,改后可直接再传;证件号只有密文标识。

- **Files**: CSV (UTF-8, GBK/GB18030; comma, tab or semicolon) or XLSX (its first sheet, or `sheet=name`), at most
  64 MiB and 200,000 rows. Titles may stand above the header, whose cells may be merged. Headers are the Chinese names
  below or the fields' English names (`amount_fen` is fen, its Chinese header yuan); unknown columns are refused.
- **Row by row**: with a bad row nothing is taken, and each place is named by sheet, line, column, value (numbers of
  persons, accounts and telephones masked) and mend; `dry_run=true` only checks, `accept_good_rows=true` takes the rest.
- **Changes**: a row sets the whole record of its id; an empty cell means none. What has ended gets a `valid_to`, what
  was entered in error 是 under 删除 (`deleted`). The same file again changes nothing and publishes nothing.
- **Corrections**: an alert that no longer holds with the corrected record is withdrawn, with its reason.
- **Trail**: who uploaded which file (SHA-256) when, and how many rows were taken, at `/v1/reference-uploads`.
- **Export**: `/v1/reference/{dataset}/records.csv`, in the template's columns; persons are keyed hashes there.

列表项之间用 、 或 ; 隔开;一格多条时各项用 | 隔开、各条用 ; 隔开;项内确有这些符号的,前面加 \\\\。
Items are divided by 、 or ;, the parts of an entry by |, entries by ;. A backslash before such a sign makes it text.
"""


def page(registers: Mapping[str, Register]) -> str:
    """The page."""
    return "\n".join([_HEAD, *(line for register in registers.values() for line in _register(register))]) + "\n"


def _register(register: Register) -> Iterator[str]:
    yield f"## {register.label.zh} · {register.label.en} (`{register.dataset}`)"
    yield ""
    yield f"| {' | '.join(HELP)} | 字段 Field |"
    yield f"|{'---|' * (len(HELP) + 1)}"
    for column in register.template:
        cells = [cell.replace("|", "\\|") for cell in help_of(register, column)]
        yield f"| {' | '.join(cells)} | `{column.name}` |"
    yield ""
