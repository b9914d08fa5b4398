/**
 * Names at the top of a working directory whose files make programs of the user run something: git, editors,
 * shells, other agents and their tool servers. Tools may read them and not change, make or replace them.
 */
export const protectedNames: readonly string[] = [
  ".agentry",
  ".bashrc",
  ".claude",
  ".cursor",
  ".envrc",
  ".git",
  ".idea",
  ".mcp.json",
  ".vscode",
];

/** The same in a home directory only, for shells, desktops, editors and logins: nobody reads them elsewhere. */
export const protectedAtHome: readonly string[] = [
  ".bash_aliases",
  ".bash_login",
  ".bash_logout",
  ".bash_profile",
  ".config/autostart",
  ".config/environment.d",
  ".config/fish",
  ".config/git",
  ".config/nvim",
  ".config/systemd",
  ".emacs",
  ".emacs.d",
  ".gdbinit",
  ".gitconfig",
  ".pam_environment",
  ".profile",
  ".ssh",
  ".tmux.conf",
  ".vim",
  ".vimrc",
  ".xinitrc",
  ".xprofile",
  ".xsession",
  ".xsessionrc",
  ".zlogin",
  ".zlogout",
  ".zprofile",
  ".zshenv",
  ".zshrc",
];

/** What in a `.git` directory is protected; the rest belongs to everyday work with git. */
export const protectedInGit: readonly string[] = ["config", "hooks", "modules", "worktrees"];

/** Names in `.git` that lead git to another configuration, and that git cannot bear as directories. */
export const redirectionsInGit: readonly string[] = ["commondir", "config.worktree"];

/** Below a home directory: keys, tokens, browsers and histories. Hidden where a working directory contains them. */
export const privateNames: readonly string[] = [
  ".aws",
  ".azure",
  ".bash_history",
  ".cargo/credentials",
  ".cargo/credentials.toml",
  ".config/BraveSoftware",
  ".config/chromium",
  ".config/gcloud",
  ".config/gh",
  ".config/google-chrome",
  ".config/op",
  ".docker",
  ".git-credentials",
  ".gnupg",
  ".kube",
  ".local/share/keyrings",
  ".mozilla",
  ".my.cnf",
  ".netrc",
  ".npmrc",
  ".password-store",
  ".pgpass",
  ".pypirc",
  ".ssh",
  ".terraform.d",
  ".zsh_history",
];
