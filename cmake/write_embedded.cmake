file(READ ${IN} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
file(WRITE ${OUT} "/* Generated from ${IN}. */\nextern const char ${SYMBOL}[];\nconst char ${SYMBOL}[] = {\n${hex}0x00};\n")
