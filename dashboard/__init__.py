"""The operators' page: draws what the ledger and the metrics hold, decides nothing."""
