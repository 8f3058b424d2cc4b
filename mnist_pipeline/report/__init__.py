"""The evaluation report: a page and a JSON document, from topics; and figures of assets."""
