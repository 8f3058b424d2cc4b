"""The topics of the report: a folder per topic; see `report.assembly`."""
