// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev Two signatures for one range: a fault on sight, without a game.
contract EquivocationTest is Base {
    function pair(bytes32 jobId) private view returns (IAssay.Entry memory a, IAssay.Entry memory b) {
        (IAssay.Entry[] memory entries,) = build(jobId, 0);
        (IAssay.Entry[] memory others,) = build(jobId, 1);
        return (entries[0], others[0]);
    }

    function test_two_entries_for_one_range_are_slashed_on_sight() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        commit(jobId);
        (address guilty, address honest) = (cell(jobId, 0), cell(jobId, 1));
        (bytes memory sigA, bytes memory sigB) = (sign(a), sign(b));
        vm.prank(stranger);
        assay.equivocation(a, sigA, b, sigB);
        eq(wealth(jobId, guilty), FUNDS - CLAIM, "slashed");
        eq(wealth(jobId, honest), FUNDS + 2000, "repaid");
        eq(assay.balanceOf(stranger), CLAIM / 2 - 2000 - 50, "the rest is the reporter's");
        eq(job(jobId).epoch, 2, "next epoch");
        yes(cell(jobId, 0) != guilty, "without it");
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotEquivocation.selector));
        assay.equivocation(a, sigA, b, sigB);
    }

    function test_what_is_no_equivocation() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        none(a, a);
        IAssay.Entry memory c;
        (c = copy(b)).epoch = 2;
        none(a, c);
        (c = copy(b)).replica = 1;
        none(a, c);
        (c = copy(b)).stepFrom = a.stepTo;
        c.stepTo = a.stepTo + 2;
        none(a, c);
        (c = copy(b)).solver = stranger;
        none(c, c);
        none(a, c);
        (c = copy(b)).jobId = "other";
        none(a, c);
        c = copy(b);
        (bytes memory good, bytes memory bad) = (sign(a), sign(c));
        vm.expectRevert(abi.encodeWithSelector(IAssay.BadSignature.selector, 1));
        assay.equivocation(a, good, c, good);
        vm.expectRevert(abi.encodeWithSelector(IAssay.BadSignature.selector, 0));
        assay.equivocation(a, bad, c, good);
        a.jobId = "no job";
        vm.expectRevert(abi.encodeWithSelector(IAssay.WrongPhase.selector, IAssay.Phase.None));
        assay.equivocation(a, good, c, good);
    }

    function copy(IAssay.Entry memory e) private pure returns (IAssay.Entry memory) {
        return abi.decode(abi.encode(e), (IAssay.Entry));
    }

    function none(IAssay.Entry memory a, IAssay.Entry memory b) private {
        (bytes memory sigA, bytes memory sigB) = (sign(a), sign(b));
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotEquivocation.selector));
        assay.equivocation(a, sigA, b, sigB);
    }

    /// @dev Who has left with its stake cannot void the work of others at no cost.
    function test_a_seat_that_was_given_back_answers_for_nothing() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        vm.roll(job(jobId).clock + 21);
        vm.prank(job(jobId).lease);
        assay.summon(jobId, 0);
        vm.roll(block.number + 7);
        assay.replace(jobId, 0);
        assay.unbond(jobId, a.solver);
        commit(jobId);
        (bytes memory sigA, bytes memory sigB) = (sign(a), sign(b));
        vm.expectRevert(abi.encodeWithSelector(IAssay.NotEquivocation.selector));
        assay.equivocation(a, sigA, b, sigB);
    }

    /// @dev One claim's stake is never reserved, so a solver cannot hide behind disputes of its own making.
    function test_equivocation_finds_stake_when_every_claim_is_disputed() public {
        bytes32 jobId = start();
        (IAssay.Entry memory a, IAssay.Entry memory b) = pair(jobId);
        address guilty = cell(jobId, 0);
        for (uint256 i = 0; i < 2; i++) {
            uint32 w = commit(jobId);
            challenge(jobId, w, 0);
            challenge(jobId, w, 2);
        }
        eq(assay.seatOf(jobId, guilty).reserved, 4 * CLAIM, "all claims");
        assay.equivocation(a, sign(a), b, sign(b));
        eq(wealth(jobId, guilty), FUNDS - CLAIM, "slashed all the same");
    }
}
