"""What happened, in words for a person: records, reasons, steps of a preview, on a terminal or in a pipe. No Ray."""
