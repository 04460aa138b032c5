# up, ps, down: servers that stay, once a user; a keeper that was killed leaves nothing behind.
source "$(dirname "$0")/lib.sh" "$1"
chmod 755 "$work" # the servers' user has to get through

port_of() {
    "$syncbed" ps --json | tail -1 | jq -r ".processes[] | select(.name == \"$1\") | .port"
}

sql() {
    psql -h 127.0.0.1 -p "$(port_of pg1)" -U syncbed -d syncbed -qAtc "$1"
}

expect_status 0 "$syncbed" ps
grep -q "nothing is up" "$work/said"

expect_status 0 "$syncbed" up pg1 redis
sql "create table t as select 17 as x"
port=$(port_of pg1)

# A second one finds them as they are, and adds what is missing.
expect_status 0 "$syncbed" up pg1 pg2 redis
[ "$(port_of pg1)" = "$port" ] || die "pg1 has another port"
[ "$(sql "select x from t")" = 17 ] || die "pg1 has other data"
[ "$(redis-cli -p "$(port_of redis)" ping)" = PONG ] || die "redis does not answer"

expect_status 0 "$syncbed" down
grep -qx 'stopped pg1, redis, pg2; their data are removed' "$work/said" || die "down says: $(cat "$work/said")"
expect_nothing_left "after down"
expect_status 0 "$syncbed" down
grep -q "nothing is up" "$work/said"

# Its keeper killed: the servers go with it, its folder and locks with the next keeper.
expect_status 0 "$syncbed" up pg1
keeper=$(ps -o ppid= -p "$("$syncbed" ps --json | tail -1 | jq -r '.processes[0].pid')")
kill -9 $keeper
for _ in $(seq 50); do
    [ -z "$(ours)" ] && break
    sleep 0.1
done
[ -z "$(ours)" ] || die "servers outlive their keeper"
expect_status 0 "$syncbed" ps
grep -q "nothing is up" "$work/said"
expect_status 0 "$syncbed" up redis
expect_status 0 "$syncbed" down
expect_nothing_left "after a keeper was killed"

# Two that share the network but not the files (a container, say) do not take each other's ports.
# Both are made to choose before either listens: making the data takes a PostgreSQL a second.
if unshare -m true 2>/dev/null; then
    other=$work/other
    mkdir -p "$other/var-tmp" && chmod 755 "$other" && chmod 1777 "$other/var-tmp"
    inside() {
        unshare -m bash -euc 'mount --bind "$0" /var/tmp; "$@"' "$other/var-tmp" \
            env SYNCBED_DIR=/var/tmp "$@"
    }
    inside "$(cp "$syncbed" "$other/var-tmp/" && echo "/var/tmp/${syncbed##*/}")" up pg1 redis >"$work/inside" 2>&1 &
    expect_status 0 "$syncbed" up pg1 redis
    wait $! || die "in another mount namespace: $(cat "$work/inside")"
    ports() {
        awk '$2 == "postgres" || $2 == "redis" {print $5}' "$1"
    }
    [ "$(ports "$work/inside" | wc -l)" -eq 2 ] || die "what is up inside: $(cat "$work/inside")"
    [ -z "$(comm -12 <(ports "$work/inside" | sort) <(ports "$work/said" | sort))" ] || die "one port, two servers"
    expect_status 0 "$syncbed" down
    inside "/var/tmp/${syncbed##*/}" down >"$work/inside" 2>&1 || die "$(cat "$work/inside")"
else
    echo "no mounts of our own here: two mount namespaces are not tried"
fi

# Nothing durable can be said of a folder in memory.
if [ "$(stat -f -c %T /dev/shm)" = tmpfs ]; then
    SYNCBED_DIR=/dev/shm expect_status 2 "$syncbed" up pg1
    grep -q "tmpfs" "$work/said"
fi
