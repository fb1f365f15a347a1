# shellcheck shell=bash
# What completes the words of replyd in bash: replyd itself knows them.
_replyd() {
	local cur=${COMP_WORDS[COMP_CWORD]} line
	local -a words
	# bash cuts words at "=" and ":"; the line as it is written does not
	read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
	[[ ${COMP_LINE:0:COMP_POINT} != *' ' ]] || words+=('')
	[[ $cur != '=' ]] || cur=
	COMPREPLY=()
	while IFS=$'\t' read -r line _; do
		case $line in
		:files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		:folders) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
		*) COMPREPLY+=("$line") ;;
		esac
	done < <(replyd complete "${words[@]:1}" 2>/dev/null)
}
complete -F _replyd replyd
