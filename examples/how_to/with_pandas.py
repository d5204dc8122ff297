"""Read and write synced files with pandas."""

import filesync_web as fs
import pandas


# --8<-- [start:script]
def totals():
    """A script on CPython: the store is the one of `filesync login`."""
    orders = pandas.read_csv("filesync://album/orders.csv")
    sums = orders.groupby("city", as_index=False)["amount"].sum()
    sums.to_csv("filesync://album/totals.csv", index=False)
    return sums


# --8<-- [end:script]


# --8<-- [start:page]
async def totals_in_a_page(file_id):
    """In a page or a worker, where the site's Pyodide has pandas."""
    async with fs.open_file(file_id) as file:
        orders = pandas.read_csv(file)
    sums = orders.groupby("city", as_index=False)["amount"].sum()
    async with fs.create_file("totals.csv", text=True) as file:
        sums.to_csv(file, index=False)
    return sums


# --8<-- [end:page]
