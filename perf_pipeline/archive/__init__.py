"""Archives of ended runs: written once, hashed, verified, read again years later without anything else."""
