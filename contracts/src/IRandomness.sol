// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title A public source of audit seeds
/// @notice A round is fixed by the block in which a commitment lands and lies beyond anyone's lookahead at that time.
/// Anyone may record a round once its source exists; a recorded value never changes.
interface IRandomness {
    /// @notice A round received its value.
    event Recorded(uint48 indexed round, uint48 source, bytes32 value);

    /// @notice Thrown when the source of the round does not exist yet.
    error NotReady(uint48 round);

    /// @notice The round that something landing in `blockNumber` is bound to.
    function roundAfter(uint48 blockNumber) external view returns (uint48 round);

    /// @notice Records the round's value if it is not recorded yet, and returns it.
    function record(uint48 round) external returns (bytes32 value);

    /// @notice The recorded value; `known` is false while nobody recorded it.
    function valueOf(uint48 round) external view returns (bool known, bytes32 value);
}
