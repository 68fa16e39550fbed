autocmd BufRead,BufNewFile *.model setfiletype model
