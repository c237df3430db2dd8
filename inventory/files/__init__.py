"""Products, prices and places as files that people open in a spreadsheet.

`columns` says what stands in which column, `reading` makes rows of cells of a CSV or XLSX file, `writing` the reverse,
`intake` brings rows through the same bodies and services as the API: first as a preview, then for good.
"""
