"""The work of `./dev bench lake`: the lines, the contract, the model, and the same by hand in bare DuckDB.

A line in fifty is a correction of the one before it (the later wins), one in two hundred has no price: it goes to
quarantine. Ten days, twenty tickers.
"""
COLUMNS = ("trade_id", "seen", "ticker", "client", "side", "quantity", "price", "venue")

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: bench-trades
version: 1.0.0
status: active
domain: bench
servers:
  - {server: drop, type: local, format: jsonl, path: PATH}
schema:
  - name: trades
    properties:
      - {name: trade_id, logicalType: integer, required: true, primaryKey: true}
      - {name: seen, logicalType: timestamp, required: true}
      - {name: ticker, logicalType: string, required: true, logicalTypeOptions: {maxLength: 6}}
      - {name: client, logicalType: string, required: true}
      - {name: side, logicalType: string}
      - {name: quantity, logicalType: integer, required: true, logicalTypeOptions: {minimum: 1}}
      - {name: price, logicalType: number, physicalType: "decimal(18,2)", required: true,
         logicalTypeOptions: {exclusiveMinimum: 0}}
      - {name: venue, logicalType: string}
      - name: day
        logicalType: date
        partitioned: true
        partitionKeyPosition: 1
        customProperties:
          - {property: batuta.value, value: CAST(seen AS DATE)}
"""

GOLD = """SELECT day, ticker, date_trunc('hour', seen) AS hour, min(price) AS low, max(price) AS high,
  CAST(sum(quantity) AS BIGINT) AS volume, CAST(sum(price * quantity) AS DECIMAL(38,2)) AS amount
FROM {silver} GROUP BY ALL"""

DAG = [{"task_id": "extract", "type": "extract", "contract": "bench/trades"},
       {"task_id": "transform", "type": "transform", "contract": "bench/trades", "depends_on": ["extract"]},
       {"task_id": "gold", "type": "aggregate", "depends_on": ["transform"], "table": "gold/bench/bars",
        "partition_by": ["day"], "keys": ["ticker", "hour"], "sql": GOLD.format(silver="silver.bench.trades")}]


def lines_sql(numbers, corrected, rows, path):
    """`numbers`: SQL that gives k (which trade of `rows`, in the order of their times) and n (which line)."""
    return f"""COPY (SELECT k AS trade_id,
  strftime(make_timestamp(1714953600000000 + k * {864_000_000_000 // rows}), '%Y-%m-%dT%H:%M:%S.%fZ') AS seen,
  'TICK' || lpad(CAST(k % 20 AS VARCHAR), 2, '0') AS ticker, lpad(CAST(hash(k) % 100000000000 AS VARCHAR), 11, '0') AS client,
  CASE WHEN k % 2 = 0 THEN 'B' ELSE 'S' END AS side, 1 + (k * 31) % 900 + {corrected} AS quantity,
  CASE WHEN n % 200 = 7 THEN NULL ELSE CAST(1000 + hash(k + 1) % 9000 AS DECIMAL(18,2)) / 100 END AS price,
  'venue-' || CAST(k % 7 AS VARCHAR) AS venue FROM ({numbers})) TO '{path}' (FORMAT json)"""


def trades_sql(rows, path):
    return lines_sql(f"SELECT i AS n, CASE WHEN i % 50 = 49 THEN i - 1 ELSE i END AS k FROM range({rows}) r(i)",
                     "(n - k)", rows, path)


def changes_sql(rows, path):
    """One trade in a hundred once more, with another quantity."""
    return lines_sql(f"SELECT i AS n, i AS k FROM range(0, {rows}, 100) r(i)", "5", rows, path)


def hour_sql(rows, path):
    """The trades of the last of the 240 hours, corrected: what an hourly run brings to a table of ten days."""
    return lines_sql(f"SELECT i AS n, i AS k FROM range({rows - rows // 240}, {rows}) r(i)", "6", rows, path)


def alone(folder, source, merging):
    """The steps of the same work by hand: what somebody writes who needs these tables once."""
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    number = "2" if merging else "1"
    for name in ("bronze", f"silver/{number}", "quarantine", f"gold/{number}"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    bronze, quarantine = f"{folder}/bronze/{number}.parquet", f"{folder}/quarantine/{number}.parquet"
    paths = ", ".join(f"'$.{name}'" for name in COLUMNS)
    texts = ", ".join(f"texts[{i}] AS {name}" for i, name in enumerate(COLUMNS, 1))
    steps = []
    if source.stat().st_size <= 256 * 2**20:
        steps.append(["bronze: raw", {"copy": [str(source), f"{folder}/raw/{number}.jsonl"]}])
    steps.append(["bronze", f"""COPY (SELECT {texts}, 'run' AS _run_id, now() AS _ingested_at, '{source}' AS _source_file,
  row_number() OVER () AS _record_no, unhex(sha256(line)) AS _payload_sha256, current_date AS ingest_date
  FROM (SELECT CAST(json AS VARCHAR) AS line, json_extract_string(json, [{paths}]) AS texts
    FROM read_json_objects('{source}', format = 'newline_delimited')))
  TO '{bronze}' (FORMAT parquet, COMPRESSION snappy)"""])
    steps.append(["silver: judged", f"""CREATE TEMP TABLE judged AS SELECT *, CAST(seen AS DATE) AS day, concat_ws(',',
    CASE WHEN trade_id IS NULL THEN 'bad_trade_id' END, CASE WHEN seen IS NULL THEN 'bad_seen' END,
    CASE WHEN coalesce(ticker, '') = '' THEN 'missing_ticker' END, CASE WHEN length(ticker) > 6 THEN 'ticker_too_long' END,
    CASE WHEN coalesce(client, '') = '' THEN 'missing_client' END, CASE WHEN quantity IS NULL THEN 'bad_quantity' END,
    CASE WHEN quantity < 1 THEN 'quantity_below_minimum' END, CASE WHEN price IS NULL THEN 'bad_price' END,
    CASE WHEN price <= 0 THEN 'price_below_minimum' END) AS reason
  FROM (SELECT TRY_CAST(trade_id AS BIGINT) AS trade_id, TRY_CAST(seen AS TIMESTAMPTZ) AS seen, ticker, client, side,
    TRY_CAST(quantity AS BIGINT) AS quantity, TRY_CAST(price AS DECIMAL(18,2)) AS price, venue, _ingested_at, _record_no
    FROM read_parquet('{bronze}'))"""])
    columns = ", ".join(COLUMNS)
    steps.append(["silver: quarantine", f"COPY (SELECT {columns}, reason, _ingested_at FROM judged WHERE reason <> '') "
                                        f"TO '{quarantine}' (FORMAT parquet, COMPRESSION snappy)"])
    fresh = f"""SELECT {columns}, day, _ingested_at, 'run' AS execution_id FROM judged WHERE reason = ''
  QUALIFY row_number() OVER (PARTITION BY trade_id ORDER BY _ingested_at DESC, _record_no DESC) = 1"""
    if merging:
        steps.append(["silver: fresh", f"CREATE TEMP TABLE fresh AS {fresh}"])
        old = f"SELECT {columns}, day, _ingested_at, execution_id FROM read_parquet('{folder}/silver/1/*/*.parquet', hive_partitioning = true)"
        fresh = f"SELECT * FROM fresh UNION ALL SELECT * FROM ({old}) o ANTI JOIN fresh f ON o.trade_id = f.trade_id"
    steps.append(["silver: write", f"COPY ({fresh}) TO '{folder}/silver/{number}' (FORMAT parquet, COMPRESSION snappy, "
                                   f"PARTITION_BY (day))"])
    silver = f"read_parquet('{folder}/silver/{number}/*/*.parquet', hive_partitioning = true)"
    steps.append(["gold", f"COPY ({GOLD.format(silver=silver)}) TO '{folder}/gold/{number}' (FORMAT parquet, COMPRESSION snappy, "
                          f"PARTITION_BY (day))"])
    steps.append(["count", f"""SELECT count(*), CAST(sum(quantity) AS BIGINT), CAST(sum(price) AS VARCHAR),
  (SELECT count(*) FROM read_parquet('{folder}/gold/{number}/*/*.parquet')),
  (SELECT count(*) FROM read_parquet('{folder}/quarantine/*.parquet')) FROM {silver}"""])
    return steps
