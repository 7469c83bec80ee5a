autocmd BufRead,BufNewFile *.tick setfiletype tickscript
