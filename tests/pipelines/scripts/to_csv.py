import csv

import batuta

products = batuta.params["products"]
with open(batuta.params["file"], "w", newline="", encoding="utf-8") as out:
    table = csv.writer(out)
    table.writerow(["title", "brand"])
    table.writerows([one["title"], one["brand"]] for one in products)
batuta.result({"file": batuta.params["file"], "rows": len(products)})
