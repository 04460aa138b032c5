# syncbed_embed(TARGET FILE SYMBOL): FILE becomes `const char SYMBOL[]` (NUL-terminated) in TARGET.
#
# For texts that are edited and read as what they are (style sheets, scripts), not as C strings.
# The C side declares `extern const char SYMBOL[];`.
function(syncbed_embed target file symbol)
    set(out ${CMAKE_BINARY_DIR}/generated/${symbol}.c)
    add_custom_command(
        OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/${file} -DOUT=${out} -DSYMBOL=${symbol}
                -P ${CMAKE_SOURCE_DIR}/cmake/write_embedded.cmake
        DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/write_embedded.cmake
        COMMENT "Embedding ${file}")
    target_sources(${target} PRIVATE ${out})
endfunction()
