" The .model language.
if exists("b:current_syntax")
  finish
endif

syntax keyword modelKeyword import as require assert return yield for in along if else
syntax keyword modelOperator and or not
syntax keyword modelStorage fn param state dim
syntax keyword modelPhase training past step epoch total_steps
syntax keyword modelConstant true false inf pi
syntax match modelType /\<\%(float\|f16\|bf16\|f32\|f64\|i8\|i32\|i64\|u8\|bool\|int\|id\|text\|time\)\>\ze\s*\%([[(?,)={|]\|$\)/
syntax match modelBlock /^\s*\zs\%(layer\|model\|config\|preset\|data\|split\|augment\|train\|update\|metrics\|eval\|crossval\|tune\|space\|predict\|generate\|score\|export\|test\)\>\ze\%(\s\+\S\|\s*{\)\@=\%(\s*\%(=\|<-\|:\)\)\@!/
syntax match modelNumber /\<\d[0-9_]*\%(\.\d[0-9_]*\)\?\%([eE][+-]\?\d\+\)\?\>/
syntax match modelEscape /\\\%(["\\nt]\|u{\x\{1,6}}\)/ contained
syntax region modelString start=/"/ skip=/\\./ end=/"\|$/ contains=modelEscape
syntax match modelComment /#.*$/ contains=@Spell

highlight default link modelKeyword Statement
highlight default link modelOperator Operator
highlight default link modelStorage StorageClass
highlight default link modelPhase Special
highlight default link modelConstant Constant
highlight default link modelType Type
highlight default link modelBlock Structure
highlight default link modelNumber Number
highlight default link modelEscape SpecialChar
highlight default link modelString String
highlight default link modelComment Comment

setlocal commentstring=#\ %s expandtab shiftwidth=2
let b:current_syntax = "model"
