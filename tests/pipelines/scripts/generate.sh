# generate.sh DAY: the query of the next task, as fields of a result.
printf '{"query": "select count(*) from events where day = date %s", "date": "%s"}' "$1" "$1" >"$BATUTA_RESULT"
