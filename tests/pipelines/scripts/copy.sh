# copy.sh WAREHOUSE DAY SLICES EXCEPT: stands where a container with these arguments is wanted.
set -eu
mkdir -p "$1/copy"
echo "copied $2 in $3 slices, all but $4" >"$1/copy/$2"
