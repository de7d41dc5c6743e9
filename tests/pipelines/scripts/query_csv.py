import csv
import sqlite3

import batuta

with open(batuta.params["file"], newline="", encoding="utf-8") as file:
    names, *rows = csv.reader(file)
database = sqlite3.connect(":memory:")
database.execute(f"create table products ({', '.join(names)})")
database.executemany(f"insert into products values ({', '.join('?' * len(names))})", rows)
batuta.result([list(row) for row in database.execute(batuta.params["sql"])])
