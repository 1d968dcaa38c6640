"""The report: result tables, training curves and case studies as one HTML page that opens offline."""
