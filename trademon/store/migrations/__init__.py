"""The schema's history. `HEAD` is known without importing alembic, which costs 400 ms: only a store that is behind
pays for it. A test holds HEAD against the scripts, and the scripts against tables.py."""

HEAD = "0014"
ALL = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013", "0014")
