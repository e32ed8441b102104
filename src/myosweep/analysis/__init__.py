"""From the results tables to findings: frozen records and tables, computed without torch."""
