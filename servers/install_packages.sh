#!/bin/bash
# servers/install_packages.sh PACKAGE… - install Debian packages; nothing of theirs is started.
#
# Run as root, by ./syncbed or by hand. syncbed starts servers of its own, on ports and in folders
# of its own; the system-wide ones that the packages would start and enable are not wanted. So,
# while apt works, policy-rc.d forbids starting and PostgreSQL's packages make no cluster. Both
# settings are as before afterwards, also after a failure or a signal.
set -euo pipefail

readonly policy=/usr/sbin/policy-rc.d
readonly policy_before=$policy.before-syncbed
readonly cluster_folder=/etc/postgresql-common/createcluster.d
readonly cluster_setting=$cluster_folder/syncbed.conf
readonly mark='put here by syncbed while it installs packages'

is_ours() {
    [[ -f $policy ]] && grep -q "$mark" "$policy"
}

forbid_services() {
    # Ours may be there already, left by a run that was killed: what was there before is kept then.
    if [[ -e $policy ]] && ! is_ours; then
        mv "$policy" "$policy_before"
    fi
    printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
    mkdir -p "$cluster_folder"
    printf '# %s\ncreate_main_cluster = false\n' "$mark" >"$cluster_setting"
}

restore() {
    if is_ours; then
        rm -f "$policy"
        [[ ! -e $policy_before ]] || mv "$policy_before" "$policy"
    fi
    rm -f "$cluster_setting"
    rmdir --ignore-fail-on-non-empty "$cluster_folder" 2>/dev/null || true
}

# Policies keep a service from starting now, not from being enabled for the next boot.
disable_unless_there_before() {
    local service=$1
    [[ $had_service == no ]] || return 0
    command -v systemctl >/dev/null || return 0
    [[ -e /lib/systemd/system/$service.service ]] || return 0
    systemctl --quiet disable "$service" 2>/dev/null || true
}

(($# > 0)) || { echo "usage: $0 PACKAGE…" >&2; exit 2; }
((EUID == 0)) || { echo "$0: takes root: sudo $0 $*" >&2; exit 2; }
had_service=no
[[ ! -e /lib/systemd/system/redis-server.service ]] || had_service=yes

trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
forbid_services
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || echo "apt-get update failed: going on with the lists that are here" >&2
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" </dev/null
disable_unless_there_before redis-server
