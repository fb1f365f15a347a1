#compdef replyd
# What completes the words of replyd in zsh: replyd itself knows them.
_replyd() {
	local -a found
	found=("${(@f)$(command replyd complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
	[[ $PREFIX != --*=* ]] || compset -P '*='
	case $found[1] in
	'') return 1 ;;
	:files) _files ;;
	:folders) _files -/ ;;
	*)
		found=("${(@)found//:/\\:}")
		found=("${(@)found/$'\t'/:}")
		_describe replyd found
		;;
	esac
}
if [[ $funcstack[1] == _replyd ]]; then _replyd "$@"; else compdef _replyd replyd; fi
