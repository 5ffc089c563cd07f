// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {Handler} from "./Handler.sol";

contract InvariantsTest {
    bool public constant IS_TEST = true;
    Handler private handler;

    function setUp() public {
        handler = new Handler();
        handler.setUp();
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Time and progress come up more often than any one mischief.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[31] memory list = [
            Handler.wait.selector,
            Handler.wait.selector,
            Handler.wait.selector,
            Handler.wait.selector,
            Handler.waitLong.selector,
            Handler.commitNext.selector,
            Handler.commitNext.selector,
            Handler.commitNext.selector,
            Handler.settleNext.selector,
            Handler.settleNext.selector,
            Handler.crookedVerdict.selector,
            Handler.crookedAbstains.selector,
            Handler.accuse.selector,
            Handler.launder.selector,
            Handler.desert.selector,
            Handler.crookedMove.selector,
            Handler.crookedMove.selector,
            Handler.endGames.selector,
            Handler.resolveAll.selector,
            Handler.signTwice.selector,
            Handler.redrawAll.selector,
            Handler.settleNext.selector,
            Handler.settleNext.selector,
            Handler.summonCell.selector,
            Handler.replaceCell.selector,
            Handler.takeLease.selector,
            Handler.assignAgain.selector,
            Handler.bidLate.selector,
            Handler.unbondAny.selector,
            Handler.topUp.selector,
            Handler.cancelJob.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), new bytes4[](list.length));
        for (uint256 i = 0; i < list.length; i++) {
            targets[0].selectors[i] = list[i];
        }
    }

    /// @dev One campaign for all three, as each would run its own.
    function invariant_books() external view {
        // The contract holds exactly what it owes.
        require(handler.balance() == handler.owed(), "balance differs from what is owed");
        // Whatever the others do, an honest party has at least what it brought.
        for (uint256 i = 0; i < handler.honestCount(); i++) {
            require(handler.fortune(handler.honest(i)) >= 1e24, "an honest party lost stake");
        }
        // The escrow pays for final windows, each of them once, and for nothing else.
        uint256 left = handler.phase() > IAssay.Phase.Active ? handler.refund() : handler.escrow();
        require(left + handler.spent() == handler.escrowPaid(), "the escrow paid for something else");
    }

    function afterInvariant() external {
        handler.windDown();
    }
}
