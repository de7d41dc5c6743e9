# Braces of a script are its own: {{ .Names }}
docker ps --format '{{.Names}}' | grep "$1"
