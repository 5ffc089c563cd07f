// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @notice Where an argument of a micro-step comes from: a constant, a word of the trace, or a load.
type Source is uint256;

/// @notice One block with named arguments; those beyond its arity are the constant 0.
/// @param coordinates Of its loads: output axes, then loop axes. Empty where there are none.
struct MicroStep {
    uint256 code;
    Source a;
    Source b;
    Source c;
    uint256[] coordinates;
}

/// @dev The kind stands above the 64 bits of a word, a trace index or a load's number.
library Sources {
    uint256 private constant TRACED = 1 << 64;
    uint256 private constant LOADED = 2 << 64;
    uint256 private constant VALUE = (1 << 64) - 1;

    Source internal constant NONE = Source.wrap(0);

    function constant_(uint256 word) internal pure returns (Source) {
        return Source.wrap(word);
    }

    function traced(uint256 index) internal pure returns (Source) {
        return Source.wrap(TRACED | index);
    }

    function loaded(uint256 load) internal pure returns (Source) {
        return Source.wrap(LOADED | load);
    }

    function isTraced(Source s) internal pure returns (bool) {
        return Source.unwrap(s) & TRACED != 0;
    }

    function isLoaded(Source s) internal pure returns (bool) {
        return Source.unwrap(s) & LOADED != 0;
    }

    /// @return The word, the trace index or the load's number.
    function value(Source s) internal pure returns (uint256) {
        return Source.unwrap(s) & VALUE;
    }
}
