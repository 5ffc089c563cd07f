// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Forest} from "./Forest.sol";
import {PinpointBase} from "./PinpointBase.sol";
import {vm} from "./Vm.sol";

/// @dev What each move of a game costs as a whole transaction; snapshots/pinpoint.json keeps the figures.
/// forge-config: default.isolate = true
/// forge-config: test.isolate = true
contract PinpointGasTest is PinpointBase {
    using Forest for Forest.Tree;

    uint256 private constant CAP = 16_777_216;

    function measured(string memory name) private {
        uint256 gas = vm.snapshotGasLastCall("pinpoint", name);
        yes(gas < CAP, name);
    }

    function test_moves_of_a_huge_game() public {
        build(huge());
        bytes32 gameId = accuse(challenger, some(acceptor));
        measured("open: first accuser, one acceptor");
        accuse(stranger);
        measured("open: another accuser");
        post(gameId);
        measured("post: first of a claim");
        choose(gameId, shape.item, 1);
        measured("choose: one level");
        post(gameId);
        measured("post: 16 children");
        choose(gameId, shape.item, ALL);
        measured("choose: 5 levels to an item");
        post(gameId);
        measured("post: root of values");
        choose(gameId, shape.inputs, ALL);
        measured("choose: 5 levels to a value");
        post(gameId);
        measured("post: root of words");
        choose(gameId, shape.element, ALL);
        measured("choose: 4 levels to a word");
        post(gameId);
        measured("post: root of a trace");
        choose(gameId, 1234, ALL);
        measured("choose: 2 levels to a block");
        prove(gameId, solver, blockProof(1234));
        measured("prove: block of a trace word and an operand of 2^31 words");
    }

    function test_seats() public {
        bytes32 gameId = accuse(challenger, some(acceptor));
        vm.roll(block.number + RESPONSE + 1);
        pinpoint.timeout(gameId);
        measured("timeout");
        vm.prank(acceptor);
        pinpoint.defend(address(this), entryHash);
        measured("defend");
        vm.prank(acceptor);
        pinpoint.concede(bytes32(uint256(claimId) | 1 << 16));
        measured("concede");
    }

    /// @dev The widest plan: 256 lanes, and the last addition of their tree.
    function test_the_widest_plan() public {
        Shape memory p = huge();
        (p.item, p.inputs) = (8190, 2 * SUMS);
        build(p);
        bytes32 gameId = accuse(challenger);
        post(gameId);
        choose(gameId, p.item, ALL);
        measured("choose: 5 levels to the last addition of 256 lanes");
        post(gameId);
        choose(gameId, 0, ALL);
        measured("choose: an input of it");
    }
}
