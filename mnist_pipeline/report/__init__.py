"""The evaluation report: `document` composes its numbers, `page` renders the HTML, with `charts` and `pictures`."""
