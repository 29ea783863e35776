"""What the paper log answers: heads, leaves, proofs."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.proof import verify_paper
from services.disclosure.proof.paper_log import Head, Leaf
from services.disclosure.proof.papers import Kept, Paper
from services.disclosure.schemas import Answer, Bilingual
from shared.contracts.base import Sha256

_ABOUT = Bilingual(
    zh="这份凭证证明:指纹 (SHA-256) 为 sha256 的文件在存证日志的第 index 号(从 0 数起),日志当时共 size 条。"
    "用 verify_paper.py 或任何支持 RFC 9162 的工具离线核验;公钥请与村公开栏上的核对。",
    en="Proves that the paper with this SHA-256 is leaf `index` (counted from 0) of the log of `size` papers. Check it "
    "offline by verify_paper.py or any tool for RFC 9162; compare the key with that on the village's notice board.",
)
_NOTE = "签名树头,C2SP tlog-checkpoint 格式 / the signed head as a C2SP tlog-checkpoint"
_KEY = "日志公钥,signed-note 格式 / the log's verifier key of signed notes"
_EXAMPLE_HEAD: dict[str, Any] = {
    "size": 3,
    "root": "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "note": "yunjing/330421000000/papers\n3\nrra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=\n\n— yunjing/…\n",
    "signed_at": "2026-03-02T01:00:30Z",
}


class SignedHead(Answer):
    """A head of the log: how many papers, the root over them, and the log's signature."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_EXAMPLE_HEAD]})

    size: int
    root: Sha256
    note: str = Field(description=_NOTE)
    signed_at: datetime

    @classmethod
    def of(cls, head: Head) -> Self:
        """A head as an answer."""
        return cls(size=head.size, root=head.root.hex(), note=head.note, signed_at=head.signed_at)


class LogCard(Answer):
    """The log: its name, the key that verifies its heads, its newest head. No head: no paper was disclosed yet."""

    origin: str = Field(examples=["yunjing/330421000000/papers"])
    key: str = Field(description=_KEY)
    head: SignedHead | None


class LeafLinks(Answer):
    """Where a leaf's proof is, and its paper's page."""

    proof: str | None
    page: str


class LogLeaf(Answer):
    """A leaf: `leaf` is the text that is hashed, the other members what it says. `index` is none for some seconds."""

    index: int | None
    leaf: str = Field(description="参与哈希的原文,ASCII / the very text that is hashed, ASCII")
    sha256: Sha256
    kind: str
    case_id: str
    sequence: int
    node: str
    flow: str
    village_code: str
    disclosed_at: datetime
    replaces: tuple[str, ...] = Field(description="被它更正的较早版本 / the earlier versions that it corrects")
    links: LeafLinks

    @classmethod
    def of(cls, leaf: Leaf | Kept) -> Self:
        """A leaf of the log, or a paper that waits for its place."""
        kept = leaf.kept if isinstance(leaf, Leaf) else leaf
        text = leaf.text if isinstance(leaf, Leaf) else kept.paper.leaf
        return cls(index=kept.index, leaf=text, links=_links(kept), **_said(kept.paper))


class LeafPage(Answer):
    """Leaves in their order; `next` is the `start` of the following page, none at the end."""

    items: tuple[LogLeaf, ...]
    next: int | None


class PaperFiling(LogLeaf):
    """One filing of a paper. `replaced_by` are the prints of the version that holds now; none: this one holds."""

    replaced_by: tuple[str, ...]


class DisclosedPaper(Answer):
    """All filings of a paper, the latest first."""

    sha256: Sha256
    filings: tuple[PaperFiling, ...]


class PaperProof(Answer):
    """That a paper is in the log: all that is needed to check it without us."""

    format: str = Field(verify_paper.PROOF_FORMAT, json_schema_extra={"const": verify_paper.PROOF_FORMAT})
    about: Bilingual = _ABOUT
    sha256: Sha256
    leaf: str = Field(description="参与哈希的原文,ASCII / the very text that is hashed, ASCII")
    index: int
    size: int
    path: tuple[Sha256, ...] = Field(description="由叶到根的兄弟哈希 / the hashes beside the way from leaf to root")
    head: str = Field(description=_NOTE)
    key: str = Field(description=_KEY)


class ConsistencyProof(Answer):
    """That the log of the newer head begins with that of the older one: nothing was taken out or changed."""

    format: str = Field(verify_paper.CONSISTENCY_FORMAT, json_schema_extra={"const": verify_paper.CONSISTENCY_FORMAT})
    old: str = Field(description=_NOTE)
    new: str = Field(description=_NOTE)
    path: tuple[Sha256, ...]
    key: str = Field(description=_KEY)


_Place = Annotated[int, Field(ge=0, le=10**9)]


class LeafRange(BaseModel):
    """Which leaves are wanted."""

    model_config = ConfigDict(extra="forbid")

    start: Annotated[_Place, Field(description="从第几号起,从 0 数起;取上一页的 next / the first leaf's place")] = 0
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


def _links(kept: Kept) -> LeafLinks:
    proof = None if kept.index is None else f"/v1/papers/log/leaves/{kept.index}/proof"
    return LeafLinks(proof=proof, page=f"/papers/{kept.paper.case_id}/{kept.paper.sha256}")


def _said(paper: Paper) -> dict[str, object]:
    return {
        "sha256": paper.sha256,
        "kind": paper.kind,
        "case_id": paper.case_id,
        "sequence": paper.sequence,
        "node": paper.node,
        "flow": paper.flow,
        "village_code": paper.village_code,
        "disclosed_at": paper.disclosed_at,
        "replaces": paper.replaces,
    }
