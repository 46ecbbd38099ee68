complete --keep-order --exclusive --command rein --arguments "(REIN_COMPLETE=fish rein -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
