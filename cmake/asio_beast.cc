// The only translation unit that compiles Asio and Beast; every other one sees declarations.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
