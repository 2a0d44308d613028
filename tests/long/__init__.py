"""Long proofs, each a command of its own; see .github/CONTRIBUTING.md."""
