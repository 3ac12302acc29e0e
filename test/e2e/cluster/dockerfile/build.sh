# What builds the image, as process 1 of new namespaces: sh -eu build.sh, with the paths and names in its environment.
# Its processes, mounts and network end with it, and all that it writes is in $dir, but for caches and the archive.

mount -t proc proc /proc
mkdir -p "$dir/empty" "$dir/tmp" "$dir/over/upper" "$dir/over/work"
# buildah keeps caches in its temporary directory, below a name that depends on its version. They alone stay.
for name in buildah-cache "buildah-cache-$(id -u)"; do
  mkdir -p "$cache/$name" "$dir/tmp/$name"
  mount --bind "$cache/$name" "$dir/tmp/$name"
done
# What it remembers of images which it has pushed is in /var/lib/containers, whatever its storage is.
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$dir/over/upper,workdir=$dir/over/work" /var/lib

export TMPDIR="$dir/tmp" BUILDAH_ISOLATION=chroot
# The driver that copies needs no file system of a certain kind.
on_storage() {
  buildah --root "$dir/storage" --runroot "$dir/run" --storage-driver vfs "$@"
}

# The stand-in for the image of the Go toolchain: a shell to run commands with. The toolchain and the modules are
# mounted into the build, since copying them would take longer than compiling. So is the build cache of who runs this, in
# place of the one that the Dockerfile mounts in HOME: compiling all once more takes minutes.
container=$(on_storage from scratch)
on_storage copy --quiet "$container" "$(command -v busybox)" /bin/sh
on_storage copy --quiet --chmod 1777 "$container" "$dir/empty" /tmp
on_storage config --env HOME=/root --env PATH=/usr/local/go/bin:/bin \
  --env GOPROXY=file:///proxy --env GOSUMDB=off --env GOCACHE=/gocache "$container"
on_storage commit --quiet "$container" "$base"

on_storage build --pull-never --isolation chroot --network host \
  --volume "$goroot:/usr/local/go:ro" --volume "$modules:/proxy:ro" --volume "$gocache:/gocache" \
  --build-arg "VERSION=$version" --build-arg "BUILDPLATFORM=$os/$arch" \
  --build-arg "TARGETOS=$os" --build-arg "TARGETARCH=$arch" \
  --tag "$image" "$source"
on_storage push --quiet "$image" "docker-archive:$archive:$image"
