# SYNCBED_SANITIZE: "" | "address,undefined" | "thread" | "fuzzer-no-link,address,undefined"
set(SYNCBED_SANITIZE "" CACHE STRING "sanitizers to build with")
if(SYNCBED_SANITIZE)
    add_compile_options(-fsanitize=${SYNCBED_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${SYNCBED_SANITIZE})
endif()
