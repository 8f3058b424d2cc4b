"""The evaluation report:

`document` composes its numbers, `page` renders the HTML, with `figures` and `pictures`.
"""
