# What happens between power-on and the first component, as process 1 of the new namespaces: sh -eu boot.sh DIR PAUSE.
dir=$1 pause=$2

mount -t proc proc /proc
# The kubelet and containerd write where they always do, and none of it reaches the machine below.
for place in etc run var/lib var/log; do
  over=$dir/over/$place
  [ "$place" != run ] || rm -rf "$over" # what is in /run does not survive a reboot
  mkdir -p "$over/upper" "$over/work"
  mount -t overlay overlay -o "lowerdir=/$place,upperdir=$over/upper,workdir=$over/work" "/$place"
done
# One overlay cannot be the upper directory of another.
for place in containerd kubelet; do
  mkdir -p "$dir/$place" "/var/lib/$place"
  mount --bind "$dir/$place" "/var/lib/$place"
done
# The kernel and its settings are everybody's. The kubelet finds that five of them are as it wants, and changes none; the
# rest cannot be changed, but for those of the network, which a namespace has of its own.
mkdir -p "$dir/kernel"
set -- vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,ro /proc/sys
for setting; do
  file=$dir/kernel/$(basename "${setting%=*}")
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done

# All of the node's control groups are below one of its own, in the one hierarchy of version 2 or in each of version 1.
hierarchies=/sys/fs/cgroup/*
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || hierarchies=/sys/fs/cgroup
for hierarchy in $hierarchies; do
  group=$hierarchy/$(basename "$dir")
  mkdir -p "$group"
  # A group of version 1 has no processors until it is given some, one of version 2 hands on what it is told to.
  for set in cpuset.cpus cpuset.mems; do
    [ ! -e "$group/$set" ] || [ ! -e "$hierarchy/$set" ] || cat "$hierarchy/$set" >"$group/$set"
  done
  for controller in $(cat "$group/cgroup.controllers" 2>/dev/null || true); do
    echo "+$controller" >"$group/cgroup.subtree_control"
  done
done

ip link set lo up
: >"$dir/booted"
exec "$pause"
