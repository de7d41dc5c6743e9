# query.sh WAREHOUSE TABLE DAY [INPUT…]: a query into a table's partition of a day, as a file that names what it read.
set -eu
warehouse=$1 table=$2 day=$3
shift 3
mkdir -p "$warehouse/$table"
{
  echo "$table of $day"
  for input in "$@"; do
    if test -f "$warehouse/$input"; then sed "s/^/  /" "$warehouse/$input"; else echo "  no $input"; fi
  done
} >"$warehouse/$table/$day.part"
mv "$warehouse/$table/$day.part" "$warehouse/$table/$day"
