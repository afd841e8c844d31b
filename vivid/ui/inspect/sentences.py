"""Sentences that Inspect raises: English template -> Chinese."""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    "Enter your name first: your decisions are kept under it.": "请先输入您的名字：您的决定将保存在此名下。",
    "The name has {} characters: keep it under {}.": "名字有 {0} 个字符：请少于 {1} 个。",
    "You have corrected no clip yet: move a point or a slider, then it is kept.": (
        "您尚未修正任何片段：移动关键点或滑块后即会保存。"
    ),
    "{} is no decision: choose accept, reject or unsure.": "{0} 不是决定：请选择接受、拒绝或不确定。",
    "There are no decisions in {}: name the folder that the server keeps them in.": (
        "{0} 中没有决定：请给出服务器保存决定的文件夹。"
    ),
    "There is no such reason: choose from {}.": "没有这样的原因：请从 {0} 中选择。",
    "The frame is {}: choose one of the clip's.": "帧为 {0}：请选择片段中的一帧。",
    "The note has {} characters: keep it under {}.": "备注有 {0} 个字符：请少于 {1} 个。",
    "There is no nudge {}: choose one of {}.": "没有名为 {0} 的修正：请选择 {1}。",
    "The nudge {} is {}: choose {} to {}.": "修正 {0} 为 {1}：请选择 {2} 到 {3}。",
    "The correction {} is {}: choose a number from {} to {}.": "修正 {0} 为 {1}：请选择 {2} 到 {3}。",
    "The name {} belongs to somebody already: open the link that was shown with it, or choose another name.": (
        "名字“{0}”已有人使用：请打开当时显示的链接，或另选一个名字。"
    ),
    "This browser does not hold the secret of the name {}: open the link that was shown with it, or switch to another "
    "name.": "此浏览器没有名字“{0}”的密钥：请打开当时显示的链接，或换用另一个名字。",
    "Your decisions file is full: download it, then go on under another name.": (
        "您的决定文件已满：请下载，然后换一个名字继续。"
    ),
    "{} files are too many at once: load up to {}.": "一次 {0} 个文件太多：最多 {1} 个。",
    "The page sent a strange {}: reload it.": "页面发送了异常的 {0}：请刷新。",
    "The page sent strange {}: reload it.": "页面发送了异常的 {0}：请刷新。",
    "The page sent a strange action: reload it.": "页面发送了异常的操作：请刷新。",
    "No portrait and clip belong together: name them alike (0001.png with 0001.npz), or give one portrait with several "
    "clips, or one clip with several portraits.": (
        "没有能配对的肖像和片段：请使用相同文件名（0001.png 与 0001.npz），或一张肖像配多个片段，或一个片段配多张肖像。"
    ),
    "These files are no longer here: load them again. Your decisions are kept.": (
        "这些文件已不在此处：请重新载入。您的决定已保留。"
    ),
    "These files have been cleaned away: load them again. Your decisions are kept.": (
        "这些文件已被清理：请重新载入。您的决定已保留。"
    ),
    "This pair is not in the list any more: reload the page.": "此配对已不在列表中：请刷新页面。",
    "The folder of pairs, {}, is not there: start the server with an existing one.": (
        "配对文件夹 {0} 不存在：请管理者用存在的文件夹启动服务器。"
    ),
    "This file is not here, or not yours: upload it (again), and send what the upload answered.": (
        "此文件不在此处，或不属于您：请（重新）上传，并使用上传时返回的内容。"
    ),
    "A value has a type that does not fit its field: the page's API description says what each one takes.": (
        "某个值的类型与其字段不符：页面的 API 说明写明了每个字段的类型。"
    ),
    "{} values were sent, {} are needed: the page's API description lists them.": (
        "发送了 {0} 个值，需要 {1} 个：请查看页面的 API 说明。"
    ),
    "{} videos of yours are waiting already, which is the limit for one visitor: wait for one of them, or stop it.": (
        "您已有 {0} 个视频在等待，这是每位访客的上限：请等其中一个完成，或停止一个。"
    ),
    "Your files would take more than {}, the limit for one visitor: they are deleted {} hours after their last use; "
    "use smaller ones until then.": (
        "您的文件将超过每位访客的上限 {0}：文件在最后一次使用 {1} 小时后删除；在此之前请使用更小的文件。"
    ),
    "The server's disk is nearly full: try again later.": "服务器磁盘几乎已满：请稍后再试。",
    "The server's disk is full or cannot be written to: tell the person who runs this server.": (
        "服务器磁盘已满或无法写入：请告知服务器管理者。"
    ),
    "The server's memory is not enough for this: choose a smaller picture size or a shorter voice.": (
        "服务器内存不足：请选择更小的画面尺寸或更短的语音。"
    ),
    # Corrections by hand
    "The correction names no point or no range of frames: undo it and make it again.": (
        "修正未指明关键点或帧范围：请撤销后重做。"
    ),
    "The correction moves a point out of reach: undo it and make it again.": "修正将关键点移得过远：请撤销后重做。",
    "The correction is neither free nor bound: undo it and make it again.": (
        "修正未说明是否保持肢体长度：请撤销后重做。"
    ),
    "The correction cannot be read: undo it and make it again.": "无法读取该修正：请撤销后重做。",
    "The corrections cannot be read: undo them and make them again.": "无法读取这些修正：请撤销后重做。",
    "The correction ends in frame {}, the clip has {}: make it again.": (
        "修正结束于第 {0} 帧，而片段只有 {1} 帧：请重做。"
    ),
    "The correction's frame is an end of its range: choose a range around it.": (
        "修正所在的帧位于范围端点：请选择包含它的范围。"
    ),
    "The clip has {} corrections, which is the limit: correct whole ranges instead.": (
        "该片段已有 {0} 处修正，已达上限：请改为按范围修正。"
    ),
    "Your corrected clips take all the room there is for them: go on under another name.": (
        "您的修正片段已占满空间：请换用其他名字继续。"
    ),
    "The server is drawing for others: show the finished look again in a moment.": (
        "服务器正在为他人绘制：请稍后再次显示成品效果。"
    ),
    "These files make more than {} pairs: load fewer at a time.": "这些文件的配对超过 {0} 个：请一次少载入一些。",
    "{} people have decisions here, which is the limit: ask whoever runs this server.": (
        "此处已有 {0} 人的决定，已达上限：请联系服务器管理者。"
    ),
    "{} names have been begun from here, which is the limit: go on under one of them.": (
        "从此处已新建 {0} 个名字，已达上限：请用其中一个继续。"
    ),
    "The folder of pairs holds more than {} files: split it.": "配对文件夹超过 {0} 个文件：请拆分。",
    "No space is left on the disk: free some, or choose another folder.": (
        "磁盘空间已用完：请释放一些空间，或选择其他文件夹。"
    ),
}
