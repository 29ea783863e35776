"""The paper log: disclosed originals in a Merkle log whose proofs anybody can check. Why so: docs/decisions/0011."""
