"""Reading files of predictions, whatever their format and columns."""
