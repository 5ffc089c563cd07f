// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IRandomness} from "../src/IRandomness.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

contract RandomnessTest is Base {
    function test_a_round_is_the_hash_of_a_later_block() public {
        vm.roll(5000);
        uint48 round = randomness.roundAfter(5000);
        eq(round, 5002, "two blocks on");
        vm.roll(5002);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.NotReady.selector, round));
        randomness.record(round);
        vm.roll(5003);
        bytes32 expected = blockhash(5002);
        eq(randomness.record(round), expected, "value");
        vm.roll(9000);
        eq(randomness.record(round), expected, "never changes");
        (bool known, bytes32 value) = randomness.valueOf(round);
        yes(known && value == expected, "known");
        (known,) = randomness.valueOf(round + 1);
        yes(!known, "unknown");
    }

    /// @dev Whenever a round is recorded, its source is one of the scheduled blocks and still has a hash.
    function testFuzz_a_lapsed_round_passes_to_the_next_scheduled_block(uint48 round, uint48 delay) public {
        round = round % 1e6 + 1;
        delay = delay % 5000 + 1;
        vm.roll(uint256(round) + delay);
        uint256 source = uint256(round) + (uint256(delay) - 1) / 250 * 250;
        eq(randomness.record(round), blockhash(source), "value");
        yes(blockhash(source) != 0, "the hash is there");
    }
}
