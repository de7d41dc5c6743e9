import csv
import os

import batuta

products = batuta.params["products"]
path = os.path.join(batuta.context.run_dir, batuta.params["file"])  # the tasks of a run share that folder
with open(path, "w", newline="", encoding="utf-8") as out:
    table = csv.writer(out)
    table.writerow(["title", "brand"])
    table.writerows([one["title"], one["brand"]] for one in products)
batuta.result({"file": path, "rows": len(products)})
