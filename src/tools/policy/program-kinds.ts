const names = (text: string): ReadonlySet<string> => new Set(text.toLowerCase().trim().split(/\s+/));

/** Programs that run a shell script: a file, an argument, or what they are fed. */
const shells = names(`sh bash rbash dash ash ksh mksh zsh fish csh tcsh pwsh eval source .`);

/** Programs that run the command in their arguments. */
const wrappers = names(`
  builtin busybox chpst chroot chrt command coproc doas entr env exec faketime firejail flatpak flock
  foreach gosu hash ionice nice nohup nsenter numactl parallel pkexec prlimit proot rlwrap run-parts
  runuser script setarch setpriv setsid setuidgid ssh sshpass start-stop-daemon stdbuf strace ltrace
  su sudo su-exec systemd-run taskset time timeout tini toybox trap unbuffer unshare valgrind watch
  xargs xvfb-run alias enable bwrap dbus-run-session catchsegv fakeroot hash complete bind chronic ifne pee sem
  hyperfine perf eatmydata cgexec runcon aa-exec sg newgrp capsh systemd-inhibit machinectl rr heaptrack nodemon
  watchexec concurrently dotenv direnv asdf mise rbenv pyenv nvm conda micromamba mamba tsocks torsocks torify
  proxychains proxychains4 fakechroot dbus-launch ssh-agent xterm gnome-terminal konsole kitty alacritty foot ld.so
  ip wine box64 dumb-init runsv envdir softlimit setlock systemd-nspawn schroot criu`);

/** Programs that run code in another language, from an argument, a file, or what they are fed. */
const interpreters = names(`
  awk gawk mawk nawk sed gsed jq yq perl ruby php lua luajit tclsh wish expect node nodejs deno bun tsx
  ts-node python python2 python3 pypy pypy3 ipython java jshell groovy scala kotlin swift julia R Rscript
  ghci runghc ocaml elixir iex erl osascript gdb lldb sqlite3 psql mysql ed ex vi vim nvim view emacs nano
  m4 bc dc octave gnuplot nix-shell rvim gvim irb pry guile sbcl clisp racket raku nim zig dart kotlinc csi scheme
  tcc clojure clj bb janet gforth maxima coffee dtrace bpftrace stap ghc bpython original-awk`);

/** Programs that run what files of the working directory or packages say. */
const runners = names(`
  npm npx pnpm pnpx yarn bunx corepack make gmake bmake cmake ninja meson just task rake gradle gradlew
  mvn mvnw ant sbt bazel buck cargo go dotnet tox nox pytest poetry pipenv uv uvx pipx pip pip3 bundle
  gem composer lerna nx turbo gulp grunt vite vitest jest mocha tsc eslint pre-commit docker podman
  docker-compose kubectl helm terraform ansible ansible-playbook vagrant crontab at batch less more man
  pg most screen tmux dtach nc ncat netcat socat ansible-console rollup webpack next nuxt astro playwright cypress
  mage ginkgo skaffold tilt packer pulumi cdk serverless podman-compose buildah nerdctl lxc incus systemctl service
  pm2 forever supervisorctl scons waf premake xmake b2 bjam pants earthly dagger act ctest qmake autoreconf autoconf
  dpkg-buildpackage debuild rpmbuild makepkg hatch pdm rye pixi django-admin flask gunicorn uvicorn celery alembic
  invoke fab behave nosetests mkdocs sphinx-build rails rspec lein xcodebuild fastlane pod sftp logrotate bats kcov
  shellspec phpunit cucumber prove prettier stylelint babel ava karma nyc c8 tap ng expo electron supervisord procmail mongosh mongo`);

/** Programs that do nothing with their arguments but read, print or name them. */
const inert = names(`
  echo printf cat ls head tail wc grep egrep fgrep test [ true false : cd pwd mkdir rmdir touch sleep exit
  return basename dirname which type stat du df file whoami id date uname seq uniq cut tr diff cmp`);

/** Programs whose first word that is no option names one of their own commands. */
const commanders = names(`
  git npm pnpm yarn docker podman kubectl helm cargo go apt apt-get dnf yum apk brew pip pip3 gem systemctl
  gh glab svn hg terraform dotnet poetry uv aws gcloud az snap flatpak port zypper pacman nmcli ip`);

/** The last part of a path, without what Windows adds to programs, in lower case. */
export function baseName(program: string): string {
  return program
    .slice(program.lastIndexOf("/") + 1)
    .toLowerCase()
    .replace(/\.exe$/, "");
}

/** Python's and others' names may carry a version: `python3.12`, `perl5.36`. */
function isOf(kind: ReadonlySet<string>, program: string): boolean {
  const name = baseName(program);
  return kind.has(name) || kind.has(name.replace(/-?\d[\d.]*$/, ""));
}

/** It runs shell code. */
export const isShell = (program: string): boolean => isOf(shells, program);
/** It runs the command in its arguments. */
export const isWrapper = (program: string): boolean => isOf(wrappers, program);
/** It runs code of a language that is not the shell's. */
export const isInterpreter = (program: string): boolean => isOf(interpreters, program);
/** It runs what files of the working directory or packages say. */
export const isRunner = (program: string): boolean => isOf(runners, program);
/** It shows texts, and runs others only where it is told to. */
export const isPager = (program: string): boolean => /^(man|less|more|most|pg)$/.test(baseName(program));
/** It is a shell whose grammar is that of bash, or is part of it. */
export const isLikeBash = (program: string): boolean =>
  /^(sh|bash|rbash|dash|ash|eval|source|\.)(-?\d[\d.]*)?$/.test(baseName(program));
/** It never runs what its arguments say. */
export const isInert = (program: string): boolean => !program.includes("/") && inert.has(program);
/** Its first word that is no option is a command of its own. */
export const isCommander = (program: string): boolean => isOf(commanders, program);

/**
 * It runs what files or arguments say, so naming it says little of what happens: shells, wrappers,
 * interpreters, build tools, and every program that is found by a path from the working directory.
 */
export function runsOthers(program: string): boolean {
  if (program.includes("/") && !program.startsWith("/")) return true;
  return [shells, wrappers, interpreters, runners].some((kind) => isOf(kind, program));
}
