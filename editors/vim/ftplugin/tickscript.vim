" TICKscript of Kapacitor: four spaces, comments with //, `gq` formats with the program kapacitor.

if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal expandtab shiftwidth=4 softtabstop=4
setlocal comments=:// commentstring=//\ %s
setlocal suffixesadd=.tick

let b:undo_ftplugin = 'setlocal expandtab< shiftwidth< softtabstop< comments< commentstring< suffixesadd<'
